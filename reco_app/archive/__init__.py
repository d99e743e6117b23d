"""The tab Teach: searching, and photos of one's own. `tab` has its controls, `handlers` what they call. What
a visitor owns here is used by other tabs too: `reco_app.visitor`.
"""
