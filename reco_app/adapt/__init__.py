"""The tab Train: a specialist for a visitor's photos. `tab` has its controls, `handlers` what they call, `session` what
a visitor owns, `view` what is shown. The trainings themselves: `reco_app.jobs`.
"""
