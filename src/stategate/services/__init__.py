"""AWS operations, one function each, named as boto3 names them; they talk to the ports only."""
