"""The tab What's in it?: everything in a photo, found and named. `tab` has its controls, `handlers` what they call,
`session` what a visitor's photo is, `view` what is shown of it.
"""
