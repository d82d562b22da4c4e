"""What a set of images asks of a network: the rules by which nnU-Net configures itself."""
