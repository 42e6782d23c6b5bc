"""Drives the plugin as a kubelet and a provisioner do, and plays pods."""
