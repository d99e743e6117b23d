"""The tab Find: type names, see them in a photo. `tab` has its controls, `handlers` what they call, `session` what
a visitor's result is, `view` what is shown of it.
"""
