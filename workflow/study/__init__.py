"""What does ImageNet transfer buy on CIFAR-100? Every step is also a command: `python -m study STEP --help`."""
