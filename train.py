"""Train a U-Net: `python train.py loss=focal upsample=bilinear`; `python train.py --help` names every key."""

from unet_lightning.cli import train

if __name__ == "__main__":
    train()
