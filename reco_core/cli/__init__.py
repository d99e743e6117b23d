"""The command line `reco`: parse, call, show. A file for each group of commands; what they share is in options."""
