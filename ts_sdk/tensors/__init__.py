"""What `BaseHandler` does of itself: from rows to tensors, through the model, to answers.

Nothing here loads torch before one of the modules is imported.
"""
