"""What people see: the console while it runs and after."""
