"""The WSGI application gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from lucid_payments.api.bodies import read_to_the_end, with_length
from lucid_payments.checks import require_sound_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lucid_payments.settings")

application = read_to_the_end(with_length(get_wsgi_application()))
# gunicorn, unlike manage.py, runs no system checks of its own.
require_sound_settings()
