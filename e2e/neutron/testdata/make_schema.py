"""Neutron's tables in an empty SQLite file: its migrations do not run on SQLite, its own tests make the tables from the models as well."""
import sys

import sqlalchemy
from neutron.db.migration.models import head

head.get_metadata().create_all(sqlalchemy.create_engine('sqlite:///' + sys.argv[1]))
