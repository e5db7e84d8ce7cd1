"""Licences of well-known packages that are not permissive, for lists that name no licence.

Only what a project is likely to meet and to overlook; public facts of the packages' own pages.
A package that is not here is of unknown licence, not of a harmless one.
"""

_PYPI = {
    "GPL-2.0-or-later": "mysqlclient mercurial unidecode pylint mutagen",
    "GPL-2.0-only WITH Universal-FOSS-exception-1.0": "mysql-connector-python",
    "GPL-3.0-only": "pyqt5 pyqt6",
    "GPL-3.0-or-later": "ansible ansible-core ansible-lint gnureadline ghostscript",
    "AGPL-3.0-only": "ultralytics pymupdf yolov5",
    "LGPL-2.1-or-later": "chardet pygobject paramiko",
    "LGPL-3.0-or-later": "psycopg2 psycopg2-binary ldap3",
    "LGPL-3.0-only": "psycopg psycopg-binary psycopg-pool pyside6",
    "MPL-2.0": "certifi tqdm hypothesis pathspec fqdn",
}
_NPM = {
    "GPL-2.0-or-later": "ckeditor5 @ckeditor/ckeditor5-core",
    "GPL-2.0-or-later OR LGPL-2.1-or-later OR MPL-1.1": "ckeditor4",
    "GPL-3.0-only": "@fancyapps/fancybox",
    "MPL-2.0": "lightningcss web-ext axe-core",
}


def _table(groups: dict[str, str], ecosystem: str) -> dict[tuple[str, str], str]:
    return {
        (ecosystem, name): licence for licence, names in groups.items() for name in names.split()
    }


KNOWN: dict[tuple[str, str], str] = {**_table(_PYPI, "pypi"), **_table(_NPM, "npm")}
