"""What can be sent: kinds, and requests made of them."""
