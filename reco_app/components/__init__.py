"""Controls and pictures that tabs are made of. What has a template, a style or a script has it beside it, under its
own name; `macros.html` has the marks that all templates share.
"""
