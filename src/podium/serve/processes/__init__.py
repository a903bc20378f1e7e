"""The processes of one server: who starts them, what each is told."""
