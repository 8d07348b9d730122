"""Making more training images: a class-conditional generator, trained on a data set's own."""
