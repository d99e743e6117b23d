"""The web app, a folder a tab. From the top: `app` puts the page together; `api`, the same for programs; the tabs
`segment`, `discover`, `archive`, `adapt` and `about`; `components`, their controls; `page`, what tabs offer one
another; `context`, handed to all of them; `jobs` and `visitor`, what is done for people and what is theirs; then result
files, texts, events, limits and loaded presets.
"""
