"""What gunicorn serves: `gunicorn -k gevent services.dashboard.wsgi:app`."""

from services.dashboard.app import create_app

app = create_app()
