"""The sandbox's AWS API: moto's server, made as strict as AWS and tied to the machines that stand behind it."""
