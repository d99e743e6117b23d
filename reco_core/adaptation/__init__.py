"""ReCo+: a specialist network for the user's own photos, learned from ReCo's labels of them (Shin et al., section 3.4).

Photos are labelled by `labels`, shown to the network by `crops`, learned by `training` and written by `specialist`;
`job` is the order of these. `recipe` says how, as data.
"""
