"""Hosts: made on this machine or reached elsewhere, deployed to and broken over SSH."""
