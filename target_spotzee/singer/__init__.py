"""The SDK's ends: messages in, states out, and the command around them."""
