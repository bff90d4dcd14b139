"""What the image is made of, and how it is asked whether it is well."""
