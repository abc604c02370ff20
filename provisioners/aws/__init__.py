"""AWS through boto3: one module a service, one class a resource type."""
