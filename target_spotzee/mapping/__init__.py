"""From a record to what is sent."""
