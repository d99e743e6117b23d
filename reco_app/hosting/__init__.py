"""What a server on the open internet needs around the page: arguments, headers, health, metrics, logs."""
