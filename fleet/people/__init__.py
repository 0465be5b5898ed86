"""Who may do what: users with roles, tokens for programs, sessions for browsers, and a record of what they did."""
