"""Parts of the fake EC2/STS endpoint (see ../fake_ec2.py)."""
