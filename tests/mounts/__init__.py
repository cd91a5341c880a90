"""Sites that include the pages in different places, and servers and proxies in front of them."""
