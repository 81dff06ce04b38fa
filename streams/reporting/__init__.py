"""The month of a profile as files: one page with plots and tables, and the rows behind it."""
