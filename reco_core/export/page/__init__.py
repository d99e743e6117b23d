"""What was asked for or taught as a web page of its own, which segments photos on its visitor's device."""
