"""The image of the pipeline's steps, and a way to run the steps without it."""
