"""What meets the SDK: messages in, states out, and the command around them."""
