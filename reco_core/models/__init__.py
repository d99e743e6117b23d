"""Networks and text: what turns photos and names into vectors of norm 1."""
