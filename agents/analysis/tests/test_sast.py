"""Insecure code, language by language: exactly what is planted, and nothing on the clean twin."""

from pathlib import Path

import pytest
from commandcenter_analysis.findings import Severity
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.sast.advice import ADVICE
from commandcenter_analysis.sast.patterns import RULES, scan_patterns
from commandcenter_analysis.sast.ruff import run_ruff

from agents.analysis.tests.planted import plant

PLANTED = [
    ("javascript", "js-eval", "const x = eval(input);"),
    ("javascript", "js-eval", "const f = new Function('a', body);"),
    ("javascript", "js-command-injection", "exec('ls ' + folder, done);"),
    ("javascript", "js-command-injection", "child_process.execSync(`rm ${name}`);"),
    ("javascript", "js-spawn-shell", "spawn('ls', [name], { shell: true });"),
    ("javascript", "js-inner-html", "box.innerHTML = '<b>' + name + '</b>';"),
    ("javascript", "js-inner-html", "document.write(`<p>${name}</p>`);"),
    ("javascript", "js-sql-injection", "db.query('SELECT * FROM t WHERE id = ' + id, done);"),
    ("javascript", "js-sql-injection", "pool.query(`SELECT a FROM t WHERE id = ${id}`);"),
    ("javascript", "js-sql-statement-built", "const q = `DELETE FROM t WHERE id = ${id}`;"),
    ("javascript", "js-weak-hash", "crypto.createHash('md5').update(x);"),
    ("javascript", "js-weak-cipher", "crypto.createCipheriv('des-ecb', key, iv);"),
    ("javascript", "js-tls-not-verified", "new https.Agent({ rejectUnauthorized: false });"),
    ("javascript", "js-tls-not-verified", "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';"),
    ("javascript", "js-jwt-not-verified", "jwt.verify(t, k, { algorithms: ['none'] });"),
    ("javascript", "js-random-token", "const sessionToken = Math.random().toString(36);"),
    ("javascript", "js-path-traversal", "fs.readFile('./up/' + req.query.name, done);"),
    ("javascript", "js-open-redirect", "res.redirect(req.query.next);"),
    ("javascript", "js-reflected-xss", "res.send('<p>' + req.query.name + '</p>');"),
    (
        "javascript",
        "js-cors-any-origin-with-credentials",
        "cors({ origin: '*', credentials: true });",
    ),
    ("javascript", "js-cookie-not-secure", "res.cookie('s', v, { httpOnly: false });"),
    ("typescript", "js-eval", "const x: number = eval(input as string);"),
    ("tsx", "js-dangerously-set-html", "const a = <p dangerouslySetInnerHTML={{ __html: t }} />;"),
    ("go", "go-sql-injection", 'db.Query("SELECT a FROM t WHERE id = " + id)'),
    ("go", "go-sql-injection", "db.Exec(fmt.Sprintf(\"DELETE FROM t WHERE a = '%s'\", a))"),
    ("go", "go-sql-statement-built", 'q := fmt.Sprintf("SELECT a FROM t WHERE id = %s", id)'),
    ("go", "go-command-injection", 'exec.Command("sh", "-c", "ls "+name)'),
    ("go", "go-tls-not-verified", "c := &tls.Config{InsecureSkipVerify: true}"),
    ("go", "go-tls-old-version", "c := &tls.Config{MinVersion: tls.VersionTLS10}"),
    ("go", "go-weak-hash", "h := md5.Sum(data)"),
    ("go", "go-weak-cipher", "b, err := des.NewCipher(key)"),
    ("go", "go-random-token", "token := rand.Intn(1000)"),
    ("go", "go-ssh-host-not-verified", "k := ssh.InsecureIgnoreHostKey()"),
    ("go", "go-file-permissions", "os.Chmod(path, 0777)"),
    ("python", "py-debug-on", "app = FastAPI(debug=True)"),
    ("python", "py-debug-on", "DEBUG = True"),
    ("python", "py-jwt-not-verified", "jwt.decode(t, options={'verify_signature': False})"),
    ("python", "py-path-traversal", "open('up/' + request.args['name'])"),
    ("python", "py-open-redirect", "redirect(request.args['next'])"),
    ("python", "py-template-injection", "render_template_string(request.args['page'])"),
    ("python", "py-cookie-not-secure", "response.set_cookie('s', v, httponly=False)"),
    (
        "python",
        "py-cors-any-origin-with-credentials",
        "app.add_middleware(M, allow_origins=['*'], allow_credentials=True)",
    ),
]
CLEAN = [
    ("javascript", "const x = eval('1 + 1');"),
    ("javascript", "execFile('ls', [folder], done);"),
    ("javascript", "const m = pattern.exec('a' + name);"),
    ("javascript", "exec('ls -l', done); execSync('a' + 'b');"),
    (
        "javascript",
        "box.innerHTML = ''; box.innerHTML = `<p>hello</p>`; box.textContent = 'a' + b;",
    ),
    ("javascript", "db.query('SELECT * FROM t WHERE id = ?', [id]); db.query(`SELECT a FROM t`);"),
    ("javascript", "const text = `Please select ${n} items from the list`;"),
    ("javascript", "crypto.createHash('sha256'); crypto.createCipheriv('aes-256-gcm', k, iv);"),
    ("javascript", "new https.Agent({ rejectUnauthorized: true });"),
    ("javascript", "const shade = Math.random(); res.redirect('/home'); res.send(body);"),
    ("javascript", "// eval(input) and exec('ls ' + x)\nconst s = \"eval(input)\";"),
    ("javascript", "cors({ origin: 'https://shop.example', credentials: true });"),
    ("go", 'db.Query("SELECT a FROM t WHERE id = ?", id)'),
    ("go", 'db.Query("SELECT a " + "FROM t")'),
    ("go", 'exec.Command("ls", name); exec.Command("sh", "-c", "ls")'),
    ("go", "h := sha256.Sum256(data); n := rand.Intn(6)"),
    ("go", "os.MkdirAll(path, 0777); os.Chmod(path, 0700)"),
    ("python", "app = FastAPI(debug=settings.debug)\nclass Test:\n    DEBUG = True"),
    ("python", "jwt.decode(t, key, algorithms=['RS256'])"),
    ("python", "open(settings.path); redirect('/home')"),
]


def rules(language: str, text: str, path: str = "src/file") -> set[str]:
    body = f"package main\nfunc f() {{\n{text}\n}}\n" if language == "go" else text + "\n"
    return {
        finding.rule_id for finding in scan_patterns(path, language, body, Fingerprints()).findings
    }


@pytest.mark.parametrize(("language", "rule", "text"), PLANTED)
def test_finds_what_is_planted(language: str, rule: str, text: str) -> None:
    assert rules(language, text) == {rule}


@pytest.mark.parametrize(("language", "text"), CLEAN)
def test_is_silent_on_clean_code(language: str, text: str) -> None:
    assert rules(language, text) == set()


def test_every_rule_has_an_example() -> None:
    shown = {rule for _, rule, _ in PLANTED}
    every = {rule.id for language in RULES.values() for rule in language}
    assert every - shown == {"go-unescaped-template"}


def test_rules_are_quiet_in_tests() -> None:
    assert rules("javascript", "eval(input)", "tests/eval.test.js") == set()


def test_ruff_obeys_nothing_in_the_repository(tmp_path: Path) -> None:
    """Configuration, ignore files and noqa marks all try to hide a finding."""
    root = plant(
        tmp_path,
        {
            "pyproject.toml": '[tool.ruff]\nexclude = ["*"]\n[tool.ruff.lint]\nignore = ["ALL"]\n',
            "ruff.toml": 'required-version = "0.0.1"\n',
            ".gitignore": "*\n",
            "a.py": "# ruff: noqa\n# flake8: noqa\nimport yaml\n"
            "yaml.load(x, yaml.Loader)  # noqa\n",
            ".hidden/b.py": "eval(x)  # noqa: S307\n",
        },
    )
    report = run_ruff(root, ["a.py", ".hidden/b.py"], sorted(ADVICE), seconds=30)
    assert sorted((message.code, message.file) for message in report.messages) == [
        ("S307", ".hidden/b.py"),
        ("S506", "a.py"),
    ]
    assert not list(root.rglob(".ruff_cache"))


def test_ruff_tells_which_files_it_could_not_parse(tmp_path: Path) -> None:
    root = plant(tmp_path, {"old.py": "print 'two'\nexec code\n", "new.py": "eval(x)\n"})
    report = run_ruff(root, ["old.py", "new.py"], sorted(ADVICE), seconds=30)
    assert list(report.unparsed) == ["old.py"]
    assert [message.file for message in report.messages] == ["new.py"]


def test_ruff_ended_by_its_time_limit_leaves_the_files_unfinished(tmp_path: Path) -> None:
    # More than it can read before it is ended, however busy the machine is.
    root = plant(tmp_path, {"a.py": "x = [1, 2, 3]\n" * 500_000})
    report = run_ruff(root, ["a.py"], sorted(ADVICE), seconds=0.0)
    assert report.unfinished == ["a.py"]


def test_all_advice_is_known_to_ruff(tmp_path: Path) -> None:
    plant(tmp_path, {"a.py": "x = 1\n"})
    report = run_ruff(tmp_path, ["a.py"], sorted(ADVICE), seconds=30)
    assert report.unfinished == []
    assert all(advice.severity in Severity for advice in ADVICE.values())
