"""Static files under names with a hash of their content, kept by browsers for a year; our modules import each other by
these names, too."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

# As we write it: import { follow } from "../live.js";
OUR_IMPORTS = (r'(?P<matched>from "(?P<url>\.{1,2}/[^"]+)";)', 'from "%(url)s";')


class HashedModules(CompressedManifestStaticFilesStorage):
    # Otherwise a page asks for one script by its hash, and for what that imports by its plain name, anew each minute.
    # (Django's own switch for this reads every library's files, and stumbles over their comments.)
    patterns = (*CompressedManifestStaticFilesStorage.patterns, ("js/*.js", (OUR_IMPORTS,)))
