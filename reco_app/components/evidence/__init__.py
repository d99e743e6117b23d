"""What names were learned from: the photos, who made them, and a button that leaves one out.

`evidence` has the control, `view` what it shows.
"""
