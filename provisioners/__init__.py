"""How a deployment comes to be: blueprint, engine, AWS, machines and the sandbox."""
