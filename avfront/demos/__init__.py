"""Things to try the product on, made on the spot with the truth about them."""
