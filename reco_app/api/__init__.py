"""What programs call: `endpoints` puts them on Gradio's API, `routes` answers plain HTTP with them, `tools` is what MCP
shows of them. Each endpoint is a file: `segment`, `discover`, `search`, `teach`, `adapt`. What they are given: `given`,
`arguments`; what they answer: `inline`, `refusal`. Nothing that they are given or answer is left on the server.
"""
