"""Names to look for, typed as chips. `names_input` is the control, `name_help` what it asks while one types."""
