"""The site as a WSGI application; an environment variable has the subject."""

from __future__ import annotations

import json
import os

from benchmarks.process import Process
from benchmarks.site import Site

TOOLS = "BENCHMARKS_TOOLS"
DATABASE = "BENCHMARKS_DATABASE"

site = Site(Process(json.loads(os.environ[TOOLS]), json.loads(os.environ[DATABASE])))
application = site.handler
