"""What is asked and what is answered: pydantic models that both check and describe it."""
