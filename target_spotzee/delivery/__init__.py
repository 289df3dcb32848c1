"""What is to be sent on its way: in order per user, several requests at once."""
