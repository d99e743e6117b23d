"""Zero-guidance segmentation: finding and naming what is in a photo when nobody says what to look for.

Rewatbowornwong et al., ICCV 2023, with names from a vocabulary (TAG, arXiv 2403.11197) and ReCo as the judge of them.
"""
