//! Which package of a lock file a Python import comes from.
//!
//! Most are called as what one imports; those that are not and are common are
//! listed. Anything else can't be told, and the whole lock file counts. Some
//! packages use others, where these are installed, without saying that they
//! need them: pandas reads Parquet through pyarrow. They count together.

use super::read::{Lock, normal_name};

/// First parts of modules that come with Python, of all its versions since 3.8.
const WITH_PYTHON: &str = "\
    abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 \
    bdb binascii binhex bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop \
    collections colorsys compileall compression concurrent configparser contextlib contextvars copy copyreg \
    crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings \
    ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib functools \
    gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib \
    imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3 linecache locale \
    logging lzma macpath mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt \
    multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev \
    parser pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint \
    profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline \
    reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site smtpd \
    smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics \
    string stringprep struct subprocess sunau symbol symtable sys sysconfig syslog tabnanny tarfile \
    telnetlib tempfile termios textwrap this threading time timeit tkinter token tokenize tomllib trace \
    traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib uu uuid venv \
    warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport \
    zlib zoneinfo";

/// Modules whose package is called something else.
const OTHER_NAMES: &[(&str, &[&str])] = &[
    ("Bio", &["biopython"]),
    ("Crypto", &["pycryptodome"]),
    ("Levenshtein", &["levenshtein", "python-levenshtein"]),
    ("MySQLdb", &["mysqlclient"]),
    ("OpenSSL", &["pyopenssl"]),
    ("PIL", &["pillow"]),
    ("attr", &["attrs"]),
    ("bs4", &["beautifulsoup4"]),
    ("cv2", &["opencv-python", "opencv-python-headless", "opencv-contrib-python"]),
    ("dateutil", &["python-dateutil"]),
    ("docx", &["python-docx"]),
    ("dotenv", &["python-dotenv"]),
    ("faiss", &["faiss-cpu", "faiss-gpu"]),
    ("fitz", &["pymupdf"]),
    ("git", &["gitpython"]),
    ("jwt", &["pyjwt"]),
    ("magic", &["python-magic"]),
    ("mpl_toolkits", &["matplotlib"]),
    ("nacl", &["pynacl"]),
    ("osgeo", &["gdal"]),
    ("pkg_resources", &["setuptools"]),
    ("pptx", &["python-pptx"]),
    ("psycopg2", &["psycopg2", "psycopg2-binary"]),
    ("pylab", &["matplotlib"]),
    ("pythoncom", &["pywin32"]),
    ("pyximport", &["cython"]),
    ("ruamel", &["ruamel-yaml"]),
    ("serial", &["pyserial"]),
    ("skimage", &["scikit-image"]),
    ("sklearn", &["scikit-learn"]),
    ("slugify", &["python-slugify"]),
    ("tensorflow", &["tensorflow", "tensorflow-cpu"]),
    ("umap", &["umap-learn"]),
    ("win32com", &["pywin32"]),
    ("yaml", &["pyyaml"]),
    ("zmq", &["pyzmq"]),
];

/// Packages that are used where they are installed, by those that don't say so.
const PLUGINS: &[(&str, &[&str])] = &[
    (
        "pandas",
        &[
            "pyarrow",
            "fastparquet",
            "openpyxl",
            "xlrd",
            "xlsxwriter",
            "odfpy",
            "pyxlsb",
            "python-calamine",
            "sqlalchemy",
            "matplotlib",
            "tables",
            "lxml",
            "html5lib",
            "beautifulsoup4",
            "numexpr",
            "bottleneck",
            "numba",
            "jinja2",
            "tabulate",
            "scipy",
            "xarray",
            "fsspec",
            "pyreadstat",
            "python-snappy",
            "zstandard",
        ],
    ),
    (
        "geopandas",
        &["pyogrio", "fiona", "shapely", "pyproj", "rtree", "pyarrow", "geoalchemy2", "matplotlib"],
    ),
    (
        "polars",
        &["pyarrow", "fastexcel", "openpyxl", "xlsxwriter", "connectorx", "deltalake", "fsspec", "numpy"],
    ),
    (
        "xarray",
        &[
            "netcdf4",
            "h5netcdf",
            "h5py",
            "zarr",
            "dask",
            "scipy",
            "cftime",
            "bottleneck",
            "numbagg",
            "rasterio",
        ],
    ),
    ("dask", &["distributed", "pandas", "numpy", "pyarrow", "fastparquet", "fsspec", "dask-expr"]),
    ("fsspec", &["s3fs", "gcsfs", "adlfs", "aiohttp", "paramiko", "smbprotocol", "requests"]),
    (
        "sqlalchemy",
        &[
            "psycopg2",
            "psycopg2-binary",
            "psycopg",
            "psycopg-binary",
            "asyncpg",
            "pg8000",
            "pymysql",
            "mysqlclient",
            "pyodbc",
            "oracledb",
            "cx-oracle",
            "duckdb-engine",
            "snowflake-sqlalchemy",
            "sqlalchemy-bigquery",
            "sqlalchemy-redshift",
            "greenlet",
        ],
    ),
    ("scikit-learn", &["pandas", "pyarrow", "matplotlib"]),
    ("statsmodels", &["patsy", "formulaic", "matplotlib"]),
    ("requests", &["chardet", "brotli", "pysocks"]),
    ("matplotlib", &["pyqt5", "pyside6", "tornado"]),
    ("keras", &["tensorflow", "jax", "torch"]),
];

/// Returns the packages of an import's first part: none for what comes with Python, `None` where
/// it can't be told.
pub(super) fn packages_of(lock: &Lock, module: &str) -> Option<Vec<Box<str>>> {
    if WITH_PYTHON.split(' ').any(|name| name == module) || module.starts_with('_') || module == "kptn" {
        return Some(Vec::new());
    }
    let other = OTHER_NAMES.iter().find(|(name, _)| *name == module);
    let named = other.into_iter().flat_map(|(_, packages)| packages.iter().map(|name| (*name).to_owned()));
    let names: Vec<Box<str>> = std::iter::once(normal_name(module))
        .chain(named)
        .filter(|name| lock.packages.contains_key(name.as_str()))
        .map(String::into_boxed_str)
        .collect();
    (!names.is_empty()).then_some(names)
}

/// Returns the packages that one uses, where they are installed, without needing them.
pub(super) fn plugins_of(package: &str) -> &'static [&'static str] {
    PLUGINS.iter().find(|(name, _)| *name == package).map_or(&[], |(_, plugins)| plugins)
}

#[cfg(test)]
mod tests {
    use super::WITH_PYTHON;

    #[test]
    fn the_list_of_modules_has_one_space_between_two() {
        assert!(!WITH_PYTHON.contains("  ") && WITH_PYTHON.split(' ').all(|name| !name.is_empty()));
        assert!(WITH_PYTHON.split(' ').any(|name| name == "json"));
    }
}
