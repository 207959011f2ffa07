"""Models in the form that devices run them in, their scores compared with those they had before."""
