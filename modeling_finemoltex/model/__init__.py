"""The model. What lies here goes to the Hub: flat files that import each other with a single dot."""
