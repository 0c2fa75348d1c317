"""The planner: filters, sorts, expands and rules as statements."""
